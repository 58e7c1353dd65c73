"""The embedded teacher: replies of a language model without one.

The pipeline's prompts come in, texts as a model would write them go out, seeded.

library/  authored tools with worlds
teacher        `OfflineModel`, one method a prompt
loading        the model that a user named, of any kind
design         introductions and functions
naming         names of functions that do not repeat the request
specification  functions to OpenAPI, and repairs
archetypes     kinds of functions that APIs have
vocabulary     things by category, with their fields
lexicon        words that values are made of
verbs          verbs of functions and of requests
inflection     forms of English words
nouns          what people say for names that nobody says
asking         instructions, drawn from a plan of calls
replying       the user's answers to questions
phrasing       how requests are put
planner        from an instruction back to its calls
reading        documentation read as functions
acting         the assistant's next step
saying         what the user is told in the end
regrets        refusals, and failures for good
respond        the server's responses
failing        what goes wrong at the server
memory         what an instance has seen and done
fields         kinds of fields and values of each
describing     kinds of fields by what is said of them
generation     values that a schema accepts
conforming     the same for any schema
patterns       texts for regular expressions
mistakes       how models get replies wrong
"""
