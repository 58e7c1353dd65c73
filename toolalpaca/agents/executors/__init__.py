"""Who answers a checked call.

A `Call` comes in, a `Response` (status and body) goes out.

calls      calls and responses
checking   whether a response can be an answer to its request
llm        a language model plays the API
schema     the specification's own seeded responses
frozen     recorded answers
real       the real API, where it is allowed
addresses  which network addresses may be reached
choice     the arguments by which scripts choose
"""
