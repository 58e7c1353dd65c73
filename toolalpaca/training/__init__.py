"""What `recipes/sft.py` is made of.

A recipe and a dataset come in, a checkpoint goes out.

recipe       arguments of a recipe
loading      tokenizer and model
scratch      a small model from nothing
tokenizer    its tokenizer
examples     rows as a trainer sees them
masks        which tokens the loss falls on
prefixes     what conversations of one tool share
precision    what a run computes with
base_models  checkpoints out of packages
attention    attention over packed conversations
tiles        its arithmetic on a CPU
lean         less memory for activations on a CPU
trainer      the trainer
memory       memory per GPU
dry_run      what a run would do
checkpoints  resuming, curves
"""
