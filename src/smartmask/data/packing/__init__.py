"""Packing data sets in parts: by one process, several, or many machines; killed at any moment and begun again, it goes
on and ends with the same bytes. Sources come in; one Parquet file, or a folder of parts with their index, goes out. A
part is never seen half written, and nothing of photographs' pixels is changed.
"""
