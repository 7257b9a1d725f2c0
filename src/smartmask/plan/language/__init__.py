"""Language: a phrase comes in; its objects, counts, colours and relations go out, by a small grammar.

It never knows what a scene holds: relations are between boxes that it is handed.
"""
