"""PostgreSQL as the warehouse: a real server that the tests start by themselves."""
