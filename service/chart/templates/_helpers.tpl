{{/* What is made of one release, in names: the release's, and the chart's where it does not say it. */}}
{{- define "backdrop.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "backdrop.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "backdrop.labels" -}}
{{ include "backdrop.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What a pod of any part has: as little as it can do with. */}}
{{- define "backdrop.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Image, rights and settings of every container. */}}
{{- define "backdrop.container" -}}
image: {{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "backdrop.env" -}}
- {name: HOME, value: /tmp}
- {name: BACKDROP_HOME, value: /tmp/backdrop}
- name: BACKDROP_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.database.existingSecret }}, key: {{ .Values.database.key }}}}
- name: BACKDROP_QUEUE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.queue.existingSecret }}, key: {{ .Values.queue.key }}}}
- {name: BACKDROP_STORE, value: s3}
- {name: BACKDROP_S3_SOURCE_BUCKET, value: {{ .Values.s3.sourceBucket | quote }}}
- {name: BACKDROP_S3_RENDER_BUCKET, value: {{ .Values.s3.renderBucket | quote }}}
- {name: AWS_DEFAULT_REGION, value: {{ .Values.s3.region | quote }}}
{{- with .Values.s3.endpointUrl }}
- {name: BACKDROP_S3_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.s3.publicEndpointUrl }}
- {name: BACKDROP_S3_PUBLIC_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.s3.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ .Values.s3.existingSecret }}, key: {{ .Values.s3.accessKeyIdKey }}}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.s3.existingSecret }}, key: {{ .Values.s3.secretAccessKeyKey }}}}
{{- end }}
{{- if .Values.encryption.existingSecret }}
- name: BACKDROP_ENCRYPTION_KEYS
  valueFrom: {secretKeyRef: {name: {{ .Values.encryption.existingSecret }}, key: {{ .Values.encryption.key }}}}
{{- end }}
- {name: BACKDROP_METRICS_PORT, value: {{ .Values.metrics.port | quote }}}
- {name: BACKDROP_METRICS_HOST, value: "0.0.0.0"}
{{- range $name, $value := .Values.settings }}
- {name: BACKDROP_{{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
