"""What a model reads and what it answers.

A `Prompt` comes in, a `Completion` goes out; ReAct and native texts are rendered and parsed here.

prompts     prompts are files in prompts/, rendered to messages
react       the ReAct text: one renderer, one parser
replies     decorated replies read, ambiguous ones refused
plain       Markdown, and what models say about their own text, taken off
native      native function calling behind the ReAct loop
tool_blocks  tool calls that stand in a reply's text
boundary    `complete(prompt)`: configurations, replies, cache keys
bodies      replies as servers really send them
endpoint    openai/<model>: OpenAI-compatible endpoints, with retries
retrying    the retry policy, whole
pacing      slots, limits per minute, backoff
process     settings of the process, made before torch is loaded
keys        keys from the environment, and out of every text
hf          hf/<path or id>: transformers in this process
batching    decoding of many requests at once
kv_cache    keys and values of a batch
"""
