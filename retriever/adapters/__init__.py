"""Retrievers and rerankers in the shapes of LangChain, LlamaIndex and Haystack.

Each module needs its package: ``pip install 'longdoc-retriever[langchain]'`` and so on.
"""
