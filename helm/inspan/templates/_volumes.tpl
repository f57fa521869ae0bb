{{/*
inspan.volumes.items: the socket's directory, the spool's, and files of Secrets.

Without a spool the books lie beside the socket: 1 MiB for each destination, 4 more where it can be updated, and twice
that while a start replaces them. What is over a sizeLimit evicts the pod.
*/}}
{{- define "inspan.volumes.items" -}}
{{- if .Values.inspan.enabled -}}
{{- $values := .Values.inspan -}}
- name: inspan-socket
  emptyDir:
    sizeLimit: {{ if include "inspan.spooled" . }}1Mi{{ else }}{{ include "inspan.booksMi" . }}Mi{{ end }}
{{- if and (include "inspan.spooled" .) (ne $values.spool.volume "template") }}
- name: inspan-spool
  {{- if eq $values.spool.volume "claim" }}
  persistentVolumeClaim:
    claimName: {{ $values.spool.claimName | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ $values.spool.size }}
  {{- end }}
{{- end }}
{{- if $values.files }}
- name: inspan-files
  projected:
    sources:
      {{- range $path, $from := $values.files }}
      {{- range $kind, $of := $from }}
      - {{ $kind }}:
          name: {{ $of.name | quote }}
          items:
            - key: {{ $of.key | quote }}
              path: {{ $path | quote }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inspan.volumeClaimTemplates" -}}
{{- if include "inspan.claimed" . -}}
volumeClaimTemplates:
  {{- include "inspan.volumeClaimTemplates.items" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* inspan.volumeClaimTemplates.items: for a StatefulSet's spec, with spool.volume: template. */}}
{{- define "inspan.volumeClaimTemplates.items" -}}
{{- if include "inspan.claimed" . -}}
- metadata:
    name: inspan-spool
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .Values.inspan.spool.storageClassName }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ .Values.inspan.spool.size }}
{{- end }}
{{- end }}

{{/*
inspan.claimed: "true" where each pod has a claim. A template of claims beside another volume would take its place: a
StatefulSet prefers the claim of the same name, which is neither the size nor the lifetime that the sidecar is told.
*/}}
{{- define "inspan.claimed" -}}
{{- with .Values.inspan }}{{ if and .enabled (include "inspan.spooled" $) (eq .spool.volume "template") }}true{{ end }}{{ end -}}
{{- end }}

{{/* inspan.spooled: "true" where there is a spool, and nothing else. An empty one is one. */}}
{{- define "inspan.spooled" -}}
{{- if kindIs "map" .Values.inspan.config.spool }}true{{ end }}
{{- end }}

{{/*
inspan.booksMi: MiB that the books may take for a moment; 2 for the socket's own files and a rounded block. Fingerprints
take 72 bytes of disk for each of their keys, beside a spool alone, and that twice too.
*/}}
{{- define "inspan.booksMi" -}}
{{- $mebibytes := 2 -}}
{{- range .Values.inspan.config.destinations -}}
{{- $mebibytes = add $mebibytes 10 -}}
{{- $dedupe := dig "upsert" "dedupe" nil . -}}
{{- if and (kindIs "map" $dedupe) (include "inspan.spooled" $) -}}
{{- $mebibytes = add $mebibytes 1 (div (mul (get $dedupe "max_keys" | default 50000) 144) 1048576) -}}
{{- end -}}
{{- end -}}
{{ $mebibytes }}
{{- end }}
