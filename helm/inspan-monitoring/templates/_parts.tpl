{{/* The labels of every object; call with (list $ own), own labels being those of one part. */}}
{{- define "inspan-monitoring.labels" -}}
{{- $root := index . 0 -}}
{{- $ours := dict "app.kubernetes.io/name" "inspan-monitoring" "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/managed-by" $root.Release.Service "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- range $name, $value := merge (dict) (index . 1) $root.Values.labels $ours }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A file of this chart, with links to where the runbook is; call with (list $ path). */}}
{{- define "inspan-monitoring.file" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (index . 1) | replace "docs/runbook.md#" (printf "%s#" $root.Values.runbookUrl) -}}
{{- end }}
