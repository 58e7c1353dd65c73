"""Authored tools with small worlds behind them: what the embedded teacher knows by heart.

A YAML file of generate/seeds/tools comes in; a specification, replies to the pipeline's prompts and a world's
answers go out.

tools          files read strictly into records; the library
expressions    expressions over records, parameters and tables
worlds         records, and how functions read and change them
specification  a tool's OpenAPI document
teaching       the tools as replies to prompts
"""
