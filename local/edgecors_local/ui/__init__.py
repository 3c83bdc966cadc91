"""`edgecors ui`: a page on loopback to look at sites and lists and to change them, with the code of the command."""
