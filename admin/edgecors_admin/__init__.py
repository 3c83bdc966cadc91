"""Policy tooling around the library: lint, plan, source map, Parameter Store over boto3. No terminal."""
