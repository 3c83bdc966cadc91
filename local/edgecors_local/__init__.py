"""The local edge: CloudFront and its neighbours on this machine, around the real handler."""
