"""What agent and worker say to each other: frames, their parts, and the channel for replies.

Imports no other folder of this package.
"""
