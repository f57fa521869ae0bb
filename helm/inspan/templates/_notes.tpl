{{/* inspan.notes: for the app's NOTES.txt; how to see that it works. */}}
{{- define "inspan.notes" -}}
{{- if .Values.inspan.enabled -}}
{{- $port := include "inspan.port" .Values.inspan.config.admin.listen -}}
{{- $namespace := .Release.Namespace -}}
Spans leave through the container inspan of each pod, and go to:
{{- range .Values.inspan.config.destinations }}
  {{ .name }} ({{ .kind }})
{{- end }}

See it work:
  POD=$(kubectl -n {{ $namespace }} get pods -l inspan.dev/sidecar=true -o name | head -n 1)   # or one that you name
  kubectl -n {{ $namespace }} port-forward "$POD" {{ $port }} &
  curl -s http://127.0.0.1:{{ $port }}/status      # the books: accepted by dialect, delivered and dropped by destination
  http://127.0.0.1:{{ $port }}/                    # the same, live, in a browser
  kubectl -n {{ $namespace }} logs "$POD" -c inspan

Not one span yet? `accepted` of every dialect is 0: the app does not post. `delivered` is 0, and `accepted` is not: the
gate in /status says what the upstream answers.
{{- end }}
{{- end }}
