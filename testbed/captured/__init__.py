"""Reading captures: files of packets (or of hex) into conversations, each handed to whoever listens, frame by frame.

`source` opens a file and tells its format; `network` finds TCP in a packet; `tcp` puts the bytes of each connection
into order; `listening` takes off TLS and WebSocket, asks the protocol rooms what is spoken, and cuts frames. Reading
is one pass with bounded memory, whatever the file says. What cannot be read is counted and said, never guessed.
"""
