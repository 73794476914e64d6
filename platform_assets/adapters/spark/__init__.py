"""Apache Spark as an engine: the job that runs on it, how it is launched, how its work is taken over.

PySpark is imported in the job alone, so that whoever does not use Spark needs none.
"""
