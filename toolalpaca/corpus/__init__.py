"""From an API list to kept instances.

A list of APIs comes in; tools, instructions and labelled, filtered instances go out.

apis              API lists in all their forms
api_tables        tables of Markdown lists
function_lists    the functions that a model designs, read
api_bullets       bullets of Markdown lists
toolset           an API becomes a tool with five parts
specified         a specification against its functions
instructions      what people ask of a tool
instruction_lists  the list that a model writes, item by item
quality           near-duplicates, what must not stand there, diversity
simulation        the three agents act an instruction out
filters           labels, and whether an instance is kept
authored_checks   what is wrong with authored tools
authored_wording  how they are worded, in figures
"""
