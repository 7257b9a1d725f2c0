"""The bundled small networks, run by numpy alone.

Arrays and folders of weights come in; arrays go out. It never imports torch, which only trains them
(``train/networks/``): no call of a user's waits for that.
"""
