"""The Model Context Protocol: a store as tools for an agent. Needs ``longdoc-retriever[mcp]``."""
