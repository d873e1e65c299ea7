"""The use cases, one verb per file: the only room where policy, budget, keys, audit and training meet."""
