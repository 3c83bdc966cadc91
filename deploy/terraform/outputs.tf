# The template's outputs, under the same names.

output "first_origin" {
  description = "Allows the first origin (replace it with yours). Then change the list with the edgecors command. The Region is that of the guard: of this module's, or of an edge front's in us-east-1, which copies the policy here. If your guard is elsewhere, name its Region."
  value = local.has_site ? join(" ", [
    "aws ssm put-parameter --region ${local.uses_guard_of_edge ? "us-east-1" : local.region} --cli-input-json",
    "'{\"Name\": \"${var.root_prefix}/sites/${local.has_alias ? var.site : local.site}\", \"Type\": \"StringList\", \"Value\": \"https://app.example.com\"}'",
  ]) : null
}

output "distribution_id" {
  description = "The distribution, and the name of its site"
  value       = one(aws_cloudfront_distribution.edge[*].id)
}

output "distribution_url" {
  description = "URL of the distribution"
  value       = one([for distribution in aws_cloudfront_distribution.edge : "https://${distribution.domain_name}"])
}

output "edge_function_version" {
  description = "Version to attach to your own distributions"
  value       = one(aws_lambda_function.edge[*].qualified_arn)
}

output "edge_triggers" {
  description = "The events that the version has to be attached to"
  value       = local.edge_triggers
}

output "viewer_functions" {
  description = "CloudFront Functions for viewer-request and viewer-response"
  value       = { for event, function in aws_cloudfront_function.viewer : "viewer-${event}" => function.arn }
}

output "key_value_store_arn" {
  description = "The store of the policies, which the guard fills"
  value       = one(aws_cloudfront_key_value_store.policies[*].arn)
}

output "edge_function_name" {
  description = "The function stays when you destroy the module, because CloudFront deletes its replicas only hours later."
  value       = one(aws_lambda_function.edge[*].function_name)
}

output "api_url" {
  description = "URL of the gateway"
  value = one(concat(
    [for api in aws_apigatewayv2_api.http : "https://${api.id}.execute-api.${local.region}.${local.url_suffix}/"],
    [for api in aws_api_gateway_rest_api.rest : "https://${api.id}.execute-api.${local.region}.${local.url_suffix}/${var.rest_stage_name}/"],
    aws_lambda_function_url.gateway[*].function_url,
  ))
}

output "alb_target_group_arn" {
  description = "Target group for a rule of your load balancer's listener"
  value       = one(aws_lb_target_group.alb[*].arn)
}

output "layer_arn" {
  description = "The layer, for functions of your own in this Region"
  value       = aws_lambda_layer_version.layer.arn
}

output "topic_arn" {
  description = "Topic of alarms and of the guard's notices"
  value       = one(aws_sns_topic.notices[*].arn)
}

output "guard_dead_letters_url" {
  description = "Queue of the events that the guard could not handle"
  value       = one(aws_sqs_queue.dead_letters[*].url)
}

output "log_groups" {
  description = "Prefix of the names of the log groups. Those of the edge function exist in every Region that runs it."
  value       = "/edgecors/${var.name}/"
}
