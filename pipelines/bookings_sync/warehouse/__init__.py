"""The warehouse: the queries, the lock, and what each destination needs."""
