"""The retry policy, whole: which faults of an endpoint pass, how long a call waits, when a run gives up, and
how often a reply that cannot be read is asked for again.
"""

# One call of an endpoint. Waits are exponential with full jitter; `Retry-After` is never undercut.
RETRIED = {408, 409, 425, 429}  # HTTP statuses that pass; and 5xx
MAX_TRIES = 12  # faults of one call; some two minutes and a half
TRIES_UNANSWERED = 5  # while nothing at the address has ever answered
PATIENCE_429 = 100  # rejections are no failures of the request: they are waited out longer than faults
BACKOFF_BASE, BACKOFF_CAP = 0.5, 60.0  # seconds
CHANCE = 5  # faults in a row that one call in thousands meets where one in five fails
LONGEST_WAIT = 3600.0  # seconds: who asks for more (a quota per day) is asked by another run

# All calls of a run.
REFUSED_CALLS = 20  # permanent refusals in a row that end it
UNPAID = {"http_401", "http_402", "http_429"}  # the key, or the account behind it, is refused
KEY_REFUSED = UNPAID | {"http_403"}  # the same, where nothing else was heard from the endpoint

# Replies that came and cannot be used.
REPLY_TRIES = 3  # what `ask` asks for
TOOL_TRIES = 4  # introduction, functions and specification of a tool, repairs included
INSTRUCTION_TRIES = 3  # lists of instructions
USER_TRIES = 3  # the user agent, and looking something up
EXECUTOR_TRIES = 3  # the tool executor
JUDGE_TRIES = 3  # each vote of a judge
FORGIVEN = 2  # unreadable steps of one episode, each answered with what was expected
