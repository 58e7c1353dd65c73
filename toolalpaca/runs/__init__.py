"""A run folder: rows in, rows out, nothing paid for twice.

A stage hands over its rows and a coroutine; results, failures and counts come back, resumable.

stage       `Run` and `Run.stage`
engine      the loop over open rows, with bounded concurrency
rows        input rows in the ledger, results exported
ledger      the durable store (SQLite)
statements  its tables and statements
recorder    a model whose replies are stored, within a budget
replay      a model that answers from a finished run
forecast    what a paid stage will come to, learned from its first rows
progress    how a stage shows its work
stopping    Ctrl-C once and twice
manifest    what a run was made with
status      python -m toolalpaca.runs.status RUN
"""
