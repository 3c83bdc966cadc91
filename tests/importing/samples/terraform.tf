variable "stage" {}
locals { origins = ["https://local.example.com"] }

resource "aws_apigatewayv2_api" "orders" {
  name          = "orders"
  protocol_type = "HTTP"
  cors_configuration {
    allow_origins     = ["https://app.example.com", "https://${var.stage}.example.com"]
    allow_methods     = ["GET", "PUT"]
    allow_headers     = ["content-type"]
    allow_credentials = true
    max_age           = 300
  }
}

resource "aws_s3_bucket_cors_configuration" "files" {
  bucket = aws_s3_bucket.files.id
  cors_rule {
    allowed_origins = ["https://app.example.com"]
    allowed_methods = ["GET"]
  }
  cors_rule {
    allowed_origins = local.origins
    allowed_methods = ["PUT"]
  }
}

resource "aws_s3_bucket_cors_configuration" "generated" {
  bucket = aws_s3_bucket.files.id
  dynamic "cors_rule" {
    for_each = var.rules
    content {
      allowed_origins = cors_rule.value.origins
    }
  }
}

module "api" {
  source             = "terraform-aws-modules/apigateway-v2/aws"
  cors_configuration = { allow_origins = ["https://module.example.com"] }
}
