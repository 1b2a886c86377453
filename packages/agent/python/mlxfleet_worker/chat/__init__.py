"""Chats: conversations into prompts, and answers into text, reasoning and tool calls.

Of this package's folders it imports `wire`, `tokens` and `constraints` only.
"""
