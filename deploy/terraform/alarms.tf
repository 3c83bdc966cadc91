# Nothing secret is published. CloudWatch can't publish to a topic that is encrypted with the key aws/sns.
resource "aws_sns_topic" "notices" {
  count = local.has_topic ? 1 : 0

  name              = "${var.name}-notices"
  display_name      = "edgecors"
  kms_master_key_id = local.encryption_key
  tags              = var.tags
}

resource "aws_sns_topic_subscription" "email" {
  count = local.has_topic && var.alarm_email != "" ? 1 : 0

  topic_arn = aws_sns_topic.notices[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

locals {
  site_alarms = {
    RefreshFailures = {
      description = "Reading the allowlist keeps failing. The last good version is still used."
      periods     = 3
    }
    PolicyOverdue = {
      description = "Requests use an allowlist that has not been read for three refresh times. A change may not have arrived."
      periods     = 2
    }
  }
  region_alarms = {
    EdgeRefreshFailures = "Reading the allowlist keeps failing in a Region that runs the edge function. The last good version is still used there."
    EdgePolicyOverdue   = "Requests in a Region that runs the edge function use an allowlist that has not been read for three refresh times."
  }

  store_alarms = {
    StoreFailures = "The guard keeps failing to write policies into the KeyValueStore. CloudFront Functions use the previous policy."
    StoreTooLarge = "A policy is too large for CloudFront Functions. They use the previous policy, or leave out its largest lists."
  }

  # Alarms about counts: the name in the template, without Alarm at the end.
  count_alarms = merge(
    { for name, alarm in local.site_alarms : name => {
      description = alarm.description
      namespace   = "edgecors"
      metric      = name
      dimensions  = { site = local.site }
      statistic   = "Sum"
      period      = 300
      periods     = alarm.periods
    } if local.has_site },
    { for name, description in local.region_alarms : name => {
      description = description
      namespace   = "edgecors"
      metric      = name
      dimensions  = { service = "edgecors-guard" }
      statistic   = "Maximum"
      period      = 900
      periods     = 2
    } if local.guard_checks_regions },
    { for event, function in aws_cloudfront_function.viewer : "Viewer${title(event)}Time" => {
      description = "The CloudFront Function at viewer-${event} uses at least 80 % of its compute time; above 100 % viewers get 503."
      namespace   = "AWS/CloudFront"
      metric      = "FunctionComputeUtilization"
      dimensions  = { FunctionName = function.name, Region = "Global" }
      statistic   = "Maximum"
      period      = 300
      periods     = 3
      threshold   = 80
    } },
    { for name, description in local.store_alarms : name => {
      description = description
      namespace   = "edgecors"
      metric      = name
      dimensions  = { service = "edgecors-guard" }
      statistic   = "Sum"
      period      = 900
      periods     = 2
    } if local.guard_fills_store },
    { for name, alarm in {
      GuardErrors = {
        description = "The guard keeps failing to check changes of allowlists."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = { FunctionName = one(aws_lambda_function.guard[*].function_name) }
        statistic   = "Sum"
        period      = 900
        periods     = 3
      }
      GuardDeadLetters = {
        description = "A change of an allowlist was not checked; its event is in the dead-letter queue."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = one(aws_sqs_queue.dead_letters[*].name) }
        statistic   = "Maximum"
        period      = 300
        periods     = 1
      }
    } : name => alarm if local.has_guard },
  )

  edge_rates = {
    EdgeExecutionErrors = {
      description = "The edge function fails; viewers get 502 or 503."
      metric      = "LambdaExecutionError"
    }
    EdgeValidationErrors = {
      description = "CloudFront refuses the edge function's responses; viewers get 502."
      metric      = "LambdaValidationError"
    }
    EdgeConcurrency = {
      description = "Lambda's concurrency limit of a Region is reached; viewers there get 503. Ask for a higher limit in that Region."
      metric      = "LambdaLimitExceededErrors"
    }
  }

  # Alarms about rates.
  rate_alarms = merge(
    { for name, alarm in local.edge_rates : name => {
      description = alarm.description
      label       = "${alarm.metric} in percent"
      expression  = "100 * failures / requests"
      namespace   = "AWS/CloudFront"
      failures    = { failures = alarm.metric }
      total_id    = "requests"
      total       = "Requests"
      dimensions  = { DistributionId = local.distribution_id, Region = "Global" }
    } if local.has_distribution },
    { for event, function in aws_cloudfront_function.viewer : "Viewer${title(event)}Errors" => {
      description = "The CloudFront Function at viewer-${event} fails, returns an invalid result, or is throttled; viewers get 502 or 503."
      label       = "Failures in percent"
      expression  = "100 * (FILL(failures, 0) + FILL(invalid, 0) + FILL(throttles, 0)) / (FILL(invocations, 0) + FILL(throttles, 0))"
      namespace   = "AWS/CloudFront"
      failures = {
        failures  = "FunctionExecutionErrors"
        invalid   = "FunctionValidationErrors"
        throttles = "FunctionThrottles"
      }
      total_id   = "invocations"
      total      = "FunctionInvocations"
      dimensions = { FunctionName = function.name, Region = "Global" }
    } },
    { for name, alarm in {
      GatewayErrors = {
        description = "The gateway function fails. Failures of the upstream are not included."
        label       = "Errors in percent"
        expression  = "100 * failures / invocations"
        namespace   = "AWS/Lambda"
        failures    = { failures = "Errors" }
        total_id    = "invocations"
        total       = "Invocations"
        dimensions  = { FunctionName = one(aws_lambda_function.gateway[*].function_name) }
      }
      GatewayThrottles = {
        description = "The gateway function has reached its concurrency limit; callers get errors."
        label       = "Throttles in percent"
        # Without successful invocations that metric has no data.
        expression = "100 * failures / (FILL(invocations, 0) + failures)"
        namespace  = "AWS/Lambda"
        failures   = { failures = "Throttles" }
        total_id   = "invocations"
        total      = "Invocations"
        dimensions = { FunctionName = one(aws_lambda_function.gateway[*].function_name) }
      }
    } : name => alarm if local.has_gateway },
  )
}

# An alarm sees the metrics of its own Region. For edge functions in other Regions the guard publishes EdgeRefreshFailures and
# EdgePolicyOverdue here. CloudFront's metrics cover all Regions.
resource "aws_cloudwatch_metric_alarm" "count" {
  for_each = { for name, alarm in local.count_alarms : name => alarm if var.alarms }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  threshold           = try(each.value.threshold, 1)
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.notices[0].arn]
  ok_actions          = [aws_sns_topic.notices[0].arn]
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "rate" {
  for_each = { for name, alarm in local.rate_alarms : name => alarm if var.alarms }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  evaluation_periods  = 2
  threshold           = 1
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.notices[0].arn]
  ok_actions          = [aws_sns_topic.notices[0].arn]
  tags                = var.tags

  metric_query {
    id          = "percent"
    label       = each.value.label
    expression  = each.value.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.failures

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value
        dimensions  = each.value.dimensions
        period      = 300
        stat        = "Sum"
      }
    }
  }

  metric_query {
    id          = each.value.total_id
    return_data = false

    metric {
      namespace   = each.value.namespace
      metric_name = each.value.total
      dimensions  = each.value.dimensions
      period      = 300
      stat        = "Sum"
    }
  }
}
