resource "aws_cloudfront_response_headers_policy" "site" {
  name = "site"
  cors_config {
    access_control_allow_credentials = false
    access_control_allow_headers { items = ["*"] }
    access_control_allow_methods { items = ["GET", "PUT"] }
    access_control_allow_origins { items = ["https://app.example.com", "*.preview.example.com"] }
    access_control_max_age_sec = 600
    origin_override            = true
  }
}
