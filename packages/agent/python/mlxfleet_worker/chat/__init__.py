"""Chats: conversations into prompts, and answers into text, reasoning and tool calls."""
