"""The worker: one process that holds one model and generates for the agent, over pipes."""
