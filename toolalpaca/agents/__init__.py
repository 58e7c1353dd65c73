"""The three agents, and who answers their calls.

A tool and an instruction come in, an episode's steps go out.

assistant      the assistant's loop: text, call, observation
environment    what a call meets
user           the user agent
builtin_tools  asking the user, the time, reading on
executors/     who answers a call
server         a toolset served over HTTP
"""
