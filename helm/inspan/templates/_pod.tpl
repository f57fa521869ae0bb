{{/*
What goes into a pod. Each template is given the root, as in {{- include "inspan.pod" . | nindent 6 }}, and writes its key
with what is below; its ".items" twin writes the items alone, for below a key that the pod has already.
*/}}

{{/* inspan.labels: for the pod's labels; what PodMonitors look for. */}}
{{- define "inspan.labels" -}}
{{- if .Values.inspan.enabled -}}
inspan.dev/sidecar: "true"
{{- end }}
{{- end }}

{{/* inspan.pod: for a pod's spec that has no init containers and no volumes of its own. */}}
{{- define "inspan.pod" -}}
{{ include "inspan.settings" . }}
{{ include "inspan.initContainers" . }}
{{ include "inspan.volumes" . }}
{{- end }}

{{/* inspan.settings: for a pod's spec; the time to stop in, and the group of the socket. */}}
{{- define "inspan.settings" -}}
{{- if .Values.inspan.enabled -}}
terminationGracePeriodSeconds: {{ int64 .Values.inspan.terminationGracePeriodSeconds }}
{{- with .Values.inspan.fsGroup }}
securityContext:
  fsGroup: {{ int64 . }}
  fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}
{{- end }}

{{- define "inspan.initContainers" -}}
{{- if .Values.inspan.enabled -}}
initContainers:
  {{- include "inspan.initContainers.items" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "inspan.volumes" -}}
{{- if .Values.inspan.enabled -}}
volumes:
  {{- include "inspan.volumes.items" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* inspan.app: for a container that has no env and no volumeMounts of its own. */}}
{{- define "inspan.app" -}}
{{ include "inspan.env" . }}
{{ include "inspan.volumeMounts" . }}
{{- end }}

{{- define "inspan.env" -}}
{{- if .Values.inspan.enabled -}}
env:
  {{- include "inspan.env.items" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* inspan.env.items: where the app finds the sidecar, and which pod its spans are of: the sidecar opens none to add it. */}}
{{- define "inspan.env.items" -}}
{{- if .Values.inspan.enabled -}}
- name: INSPAN_SOCKET
  value: /run/inspan/inspan.sock
{{- with .Values.inspan.config.listen }}
- name: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  value: http://{{ . }}/v1/traces
- name: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
  value: http/protobuf
{{- end }}
- name: INSPAN_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: INSPAN_POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: INSPAN_POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
- name: INSPAN_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OTEL_RESOURCE_ATTRIBUTES
  value: "k8s.pod.name=$(INSPAN_POD_NAME),k8s.namespace.name=$(INSPAN_POD_NAMESPACE),k8s.pod.uid=$(INSPAN_POD_UID),k8s.node.name=$(INSPAN_NODE_NAME)
  {{- range $name, $value := .Values.inspan.resourceAttributes }},{{ $name }}={{ $value }}{{ end }}"
{{- end }}
{{- end }}

{{- define "inspan.volumeMounts" -}}
{{- if .Values.inspan.enabled -}}
volumeMounts:
  {{- include "inspan.volumeMounts.items" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "inspan.volumeMounts.items" -}}
{{- if .Values.inspan.enabled -}}
- name: inspan-socket
  mountPath: /run/inspan
  readOnly: true
{{- end }}
{{- end }}
