"""edgecors: correct CORS headers from one allowlist, at CloudFront's edge and behind every AWS front."""
