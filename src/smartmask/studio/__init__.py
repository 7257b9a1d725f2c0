"""The studio, a web service of one process and its page: requests come in over HTTP, masks, pictures and scenes go out.

The bodies of its requests inherit the settings of the commands, so that no option is written twice. It never reads or
writes a path that a request names, and asks nothing of the network.
"""
