"""From tasks to a report.

Tasks and a model come in; episodes, verdicts, tables and pages go out.

benchmark   where tasks come from
attempts    a model at tasks
scoring/    episodes and gold to verdicts
judge       a language model as judge
agreement   our verdicts against a judge's
disagreements  what a person says of each disagreement
gold_lint   what is wrong with gold labels
scored      scored runs read back
metrics     rates and error counts
comparison  intervals and paired tests
results     Tables 3 and 4, models compared
tables      one table, three renderings
paper       the paper's own figures
report      the report
page        self-contained pages, from pages/
grounding   whether facts of authored texts follow from what was said and seen
derived     numbers that follow
review      the paper's Table 2 by people
"""
