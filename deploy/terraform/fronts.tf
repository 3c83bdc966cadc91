# The gateway's fronts. Each passes everything on to the function, OPTIONS included, and has its own CORS feature switched
# off: with it, an HTTP API would ignore the function's headers, and a function URL would send a second set.
#
# OPTIONS has an operation of its own, so that an authorizer that you add to the others does not apply to it: preflights
# never carry credentials.

locals {
  integration_uri = one([
    for alias in aws_lambda_alias.gateway :
    "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${alias.arn}/invocations"
  ])
  greedy_parameter = { in = "path", required = true, schema = { type = "string" } }

  http_operation = {
    responses = { default = { description = "From the upstream" } }
    x-amazon-apigateway-integration = {
      type                 = "aws_proxy"
      httpMethod           = "POST"
      payloadFormatVersion = "2.0"
      timeoutInMillis      = 30000
      uri                  = local.integration_uri
    }
  }
  http_greedy_operation = merge(local.http_operation, { parameters = [merge(local.greedy_parameter, { name = "proxy+" })] })

  rest_operation = {
    responses = { "200" = { description = "From the upstream" } }
    x-amazon-apigateway-integration = {
      type       = "aws_proxy"
      httpMethod = "POST"
      uri        = local.integration_uri
    }
  }
  rest_greedy_operation = merge(local.rest_operation, { parameters = [merge(local.greedy_parameter, { name = "proxy" })] })

  gateway_response = {
    responseParameters = {
      "gatewayresponse.header.Access-Control-Allow-Origin" = "'${var.gateway_response_origin}'"
    }
  }

  access_log_format = "{\"time\": \"$context.requestTime\", \"id\": \"$context.requestId\", \"ip\": \"$context.identity.sourceIp\", \"method\": \"$context.httpMethod\", \"path\": \"$context.path\", \"status\": \"$context.status\", \"ms\": \"$context.responseLatency\"}"
}

resource "aws_cloudwatch_log_group" "access" {
  count = var.api_access_logs && (local.is_http_api || local.is_rest_api) ? 1 : 0

  name              = "/edgecors/${var.name}/access"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.encryption_key
  tags              = var.tags
}

resource "aws_apigatewayv2_api" "http" {
  count = local.is_http_api ? 1 : 0

  name          = var.name
  description   = "${var.name}: CORS by edgecors"
  protocol_type = "HTTP"
  tags          = var.tags
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = var.name, version = "1" }
    paths = {
      "/" = {
        x-amazon-apigateway-any-method = local.http_operation
        options                        = local.http_operation
      }
      "/{proxy+}" = {
        x-amazon-apigateway-any-method = local.http_greedy_operation
        options                        = local.http_greedy_operation
      }
    }
  })
}

resource "aws_apigatewayv2_stage" "http" {
  count = local.is_http_api ? 1 : 0

  api_id      = aws_apigatewayv2_api.http[0].id
  name        = "$default"
  auto_deploy = true
  tags        = var.tags

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.access
    content {
      destination_arn = access_log_settings.value.arn
      format          = local.access_log_format
    }
  }
}

resource "aws_lambda_permission" "http" {
  count = local.is_http_api ? 1 : 0

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.gateway[0].function_name
  qualifier     = aws_lambda_alias.gateway[0].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.http[0].execution_arn}/*"
}

resource "aws_api_gateway_rest_api" "rest" {
  count = local.is_rest_api ? 1 : 0

  name        = var.name
  description = "${var.name}: CORS by edgecors"
  # The function gets every body unchanged, and answers OPTIONS itself (a mock integration would fail with this).
  binary_media_types = ["*/*"]
  tags               = var.tags
  body = jsonencode(merge(
    {
      openapi = "3.0.1"
      info    = { title = var.name, version = "1" }
      paths = {
        "/" = {
          x-amazon-apigateway-any-method = local.rest_operation
          options                        = local.rest_operation
        }
        "/{proxy+}" = {
          x-amazon-apigateway-any-method = local.rest_greedy_operation
          options                        = local.rest_greedy_operation
        }
      }
    },
    var.gateway_response_origin == "" ? {} : {
      x-amazon-apigateway-gateway-responses = {
        DEFAULT_4XX = local.gateway_response
        DEFAULT_5XX = local.gateway_response
      }
    },
  ))

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_deployment" "rest" {
  count = local.is_rest_api ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.rest[0].id
  # API Gateway deploys a change of the body with a new deployment only.
  triggers = { body = sha256(aws_api_gateway_rest_api.rest[0].body) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "rest" {
  count = local.is_rest_api ? 1 : 0

  rest_api_id   = aws_api_gateway_rest_api.rest[0].id
  deployment_id = aws_api_gateway_deployment.rest[0].id
  stage_name    = var.rest_stage_name
  tags          = var.tags

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.access
    content {
      destination_arn = access_log_settings.value.arn
      format          = local.access_log_format
    }
  }
}

resource "aws_lambda_permission" "rest" {
  count = local.is_rest_api ? 1 : 0

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.gateway[0].function_name
  qualifier     = aws_lambda_alias.gateway[0].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.rest[0].execution_arn}/*"
}

# Authorization NONE: browsers can't sign preflights, so AWS_IAM would refuse all of them. The upstream authorizes requests,
# as it does behind the other fronts.
resource "aws_lambda_function_url" "gateway" {
  count = local.is_function_url ? 1 : 0

  function_name      = aws_lambda_function.gateway[0].function_name
  qualifier          = aws_lambda_alias.gateway[0].name
  authorization_type = "NONE"
  invoke_mode        = "BUFFERED"
}

resource "aws_lambda_permission" "url" {
  count = local.is_function_url ? 1 : 0

  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.gateway[0].function_name
  qualifier              = aws_lambda_alias.gateway[0].name
  function_url_auth_type = "NONE"
  principal              = "*"
}

resource "aws_lambda_permission" "url_invoke" {
  count = local.is_function_url ? 1 : 0

  action                   = "lambda:InvokeFunction"
  function_name            = aws_lambda_function.gateway[0].function_name
  qualifier                = aws_lambda_alias.gateway[0].name
  invoked_via_function_url = true
  principal                = "*"
}

resource "aws_lambda_permission" "alb" {
  count = local.is_alb ? 1 : 0

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.gateway[0].function_name
  qualifier     = aws_lambda_alias.gateway[0].name
  principal     = "elasticloadbalancing.amazonaws.com"
  # Not the one target group: it can't register the function before this permission exists.
  source_arn = "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:targetgroup/*"
}

resource "aws_lb_target_group" "alb" {
  count = local.is_alb ? 1 : 0

  target_type = "lambda"
  # Without it a load balancer drops all but the last of repeated headers.
  lambda_multi_value_headers_enabled = true
  tags                               = var.tags
}

resource "aws_lb_target_group_attachment" "alb" {
  count = local.is_alb ? 1 : 0

  target_group_arn = aws_lb_target_group.alb[0].arn
  target_id        = aws_lambda_alias.gateway[0].arn
  depends_on       = [aws_lambda_permission.alb]
}
