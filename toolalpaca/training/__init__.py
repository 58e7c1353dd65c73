"""What `recipes/sft.py` is made of: arguments, loss masks, models, memory, checkpoints."""
