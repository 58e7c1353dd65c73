"""Training rows, tasks, and the folder for the Hub.

A run folder comes in; Parquet, card, pictures and tasks go out.

build          the whole folder, skipped when nothing changed
builder        the `datasets` builder behind it
features       configurations and the types of their columns
training_rows  instances as conversations
holdout        which tools are kept for evaluation
tasks          tasks from held-out instances
decontaminate  evaluation kept out of training
figures        Table 1, Figure 4, categories
card           the dataset's page
samples        three instances on it
push           upload to the Hub
exports        formats of other trainers
"""
