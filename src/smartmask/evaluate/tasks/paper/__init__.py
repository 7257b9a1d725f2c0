"""The tables and figures of both papers: models and photographs come in, every table that they allow goes out, the
published rows beside. A figure that was not measured in the same run or printed in a paper never fills a row.
"""
