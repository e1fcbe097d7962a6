{{/* The chart's name, for labels. */}}
{{- define "honua-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the objects: the release's and the chart's, or the release's alone if it says as much already. */}}
{{- define "honua-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What the Deployment finds its pods by; never changes within a release. */}}
{{- define "honua-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "honua-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "honua-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "honua-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The name of the service account, whoever makes it. */}}
{{- define "honua-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "honua-operator.fullname" .) -}}
{{- end -}}

{{/* The namespaces to watch, as the operator's option takes them. */}}
{{- define "honua-operator.watchNamespaces" -}}
{{- .Values.watchNamespaces | default (list .Release.Namespace) | join "," -}}
{{- end -}}

{{/* Who the permissions are for. */}}
{{- define "honua-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "honua-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* A number or a truth value as an environment variable takes it. Helm reads numbers as floating point. */}}
{{- define "honua-operator.envValue" -}}
{{- if kindIs "bool" . }}{{ . | toString | quote }}{{ else }}{{ . | int64 | toString | quote }}{{ end -}}
{{- end -}}
