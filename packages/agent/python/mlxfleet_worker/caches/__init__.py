"""Caches of keys and values: quantized ones, and the prefixes of prompts that are kept in memory and on disk.

Imports no other folder of this package.
"""
