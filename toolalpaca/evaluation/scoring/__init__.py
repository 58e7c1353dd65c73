"""Episodes and gold to verdicts (docs/scoring.md).

A task and an episode come in, a `Verdict` with reasons goes out.

verdicts     the six error types, procedure, answer
gold         the grammar of gold inputs
goldcheck    gold checked before it is used
alignment    which calls meet which gold steps
matching     whether a call does what a gold step asks
whole_calls  what the instruction asks of a call as a whole
mismatch     reasons why it does not
use          whether an answer goes by what the calls returned
examined     an episode under examination, and what was found
spare_calls  calls that meet no gold step
kinds        what kind of thing a parameter holds
values       when two values say the same
codes        codes and what they stand for
searching    when two searches look for the same
sources      where a value can have come from
evidence     what an assistant can have read
answers      the final answer without a judge
"""
