# CloudFront caches by the key alone and ignores Vary, so whatever a response depends on has to be in the key. It may have
# 10 headers.

# Viewer set-up: CORS headers are added after the cache, so Origin is not in the key.
resource "aws_cloudfront_cache_policy" "viewer" {
  count = local.has_viewer_cache ? 1 : 0

  name    = "${var.name}-viewer"
  comment = "The cache is not split by Origin"
  min_ttl = 0
  # A custom origin server says itself what may be cached. S3 rarely does, and its objects are the same for everyone.
  default_ttl = local.is_s3 ? 86400 : 0
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    headers_config {
      header_behavior = local.is_s3 ? "none" : "whitelist"

      dynamic "headers" {
        for_each = local.is_s3 ? [] : [true]
        content {
          items = concat(["Authorization", "Accept", "X-Api-Key"], local.forwards_host ? ["Host"] : [])
        }
      }
    }

    cookies_config {
      cookie_behavior = local.is_s3 ? "none" : "all"
    }

    query_strings_config {
      query_string_behavior = "all"
    }
  }
}

# Origin set-up: responses are cached with their CORS headers, so everything that these depend on is in the key.
resource "aws_cloudfront_cache_policy" "origin" {
  count = local.has_origin_cache ? 1 : 0

  name        = "${var.name}-origin"
  comment     = "A copy for each Origin and each kind of preflight"
  min_ttl     = 0
  default_ttl = local.is_s3 ? 86400 : 0
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    headers_config {
      header_behavior = "whitelist"

      headers {
        items = concat(
          [
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
            "Access-Control-Request-Private-Network",
          ],
          local.is_s3 ? [] : ["Authorization", "Accept", "X-Api-Key"],
          local.forwards_host ? ["Host"] : [],
        )
      }
    }

    cookies_config {
      cookie_behavior = local.is_s3 ? "none" : "all"
    }

    query_strings_config {
      query_string_behavior = "all"
    }
  }
}

# What the origin server gets beside the key: every header but those that often change a response and are not in the key.
# A viewer could fill the cache with such responses.
resource "aws_cloudfront_origin_request_policy" "edge" {
  count = local.has_request_policy ? 1 : 0

  name    = var.name
  comment = "Without method overrides and X-Forwarded-Host"

  headers_config {
    header_behavior = "allExcept"

    headers {
      items = concat(
        ["X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Forwarded-Host"],
        local.forwards_host ? [] : ["Host"],
      )
    }
  }

  cookies_config {
    cookie_behavior = "all"
  }

  query_strings_config {
    query_string_behavior = "all"
  }
}

resource "aws_cloudfront_origin_access_control" "edge" {
  count = local.has_origin_access_control ? 1 : 0

  name                              = var.name
  origin_access_control_origin_type = local.is_s3 ? "s3" : "lambda"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# The value is in Terraform's state, so protect the state as you protect the secret.
data "aws_secretsmanager_secret_version" "origin" {
  count = local.is_edge && var.origin_secret_arn != "" ? 1 : 0

  secret_id = var.origin_secret_arn
}

locals {
  # Managed policies by their published ids. Each of the last three forwards Origin, without which origin-response can't add
  # headers to errors.
  caching_disabled       = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  cors_s3_origin         = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
  all_viewer             = "216adef6-5c7f-47e4-b989-5492eafa07d3"
  all_viewer_except_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

  edge_triggers = !local.has_edge_function ? [] : (
    local.origin_setup ? ["origin-request", "origin-response"] :
    local.functions_setup ? ["origin-response"] : ["viewer-request", "viewer-response", "origin-response"]
  )
}

resource "aws_cloudfront_distribution" "edge" {
  count = local.is_edge ? 1 : 0

  comment         = "CORS by edgecors"
  enabled         = true
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.price_class
  web_acl_id      = var.web_acl_arn == "" ? null : var.web_acl_arn
  aliases         = var.aliases
  tags            = var.tags

  dynamic "logging_config" {
    for_each = var.access_log_bucket == "" ? [] : [var.access_log_bucket]
    content {
      bucket          = logging_config.value
      prefix          = "${var.name}/"
      include_cookies = false
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = local.has_certificate ? null : true
    acm_certificate_arn            = local.has_certificate ? var.certificate_arn : null
    ssl_support_method             = local.has_certificate ? "sni-only" : null
    minimum_protocol_version       = local.has_certificate ? var.minimum_tls : null
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  origin {
    origin_id                = "upstream"
    domain_name              = var.origin_domain_name
    origin_path              = var.origin_path
    origin_access_control_id = one(aws_cloudfront_origin_access_control.edge[*].id)

    dynamic "custom_header" {
      for_each = data.aws_secretsmanager_secret_version.origin
      content {
        name  = "X-Edgecors-Secret"
        value = custom_header.value.secret_string
      }
    }

    dynamic "custom_origin_config" {
      for_each = local.is_s3 ? [] : [var.origin_protocol]
      content {
        origin_protocol_policy = custom_origin_config.value
        origin_ssl_protocols   = ["TLSv1.2"]
        http_port              = 80
        https_port             = 443
      }
    }
  }

  default_cache_behavior {
    target_origin_id = "upstream"
    # Without OPTIONS CloudFront answers preflights itself, with 403.
    allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
    cached_methods  = local.has_origin_cache ? ["GET", "HEAD", "OPTIONS"] : ["GET", "HEAD"]
    compress        = true
    # Browsers don't follow redirects of preflights, so pages have to use https URLs.
    viewer_protocol_policy = "redirect-to-https"
    cache_policy_id        = try(aws_cloudfront_cache_policy.viewer[0].id, aws_cloudfront_cache_policy.origin[0].id, local.caching_disabled)
    origin_request_policy_id = (
      local.is_s3 ? local.cors_s3_origin :
      local.caches ? aws_cloudfront_origin_request_policy.edge[0].id :
      local.forwards_host ? local.all_viewer : local.all_viewer_except_host
    )

    dynamic "function_association" {
      for_each = aws_cloudfront_function.viewer
      content {
        event_type   = "viewer-${function_association.key}"
        function_arn = function_association.value.arn
      }
    }

    # CloudFront Functions and Lambda functions can't be mixed at viewer events.
    dynamic "lambda_function_association" {
      for_each = local.edge_triggers
      content {
        event_type = lambda_function_association.value
        lambda_arn = aws_lambda_function.edge[0].qualified_arn
      }
    }
  }

  # An error has the CORS headers of the origin that caused it. By default CloudFront would cache it for 10 seconds.
  dynamic "custom_error_response" {
    for_each = toset([400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504])
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  depends_on = [terraform_data.rules]
}
