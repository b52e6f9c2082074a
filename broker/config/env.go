package config

import "strings"

// Variables of the usual container images that are no broker keys.
var imageVariables = map[string]bool{
	"KAFKA_HEAP_OPTS": true, "KAFKA_OPTS": true, "KAFKA_JVM_PERFORMANCE_OPTS": true, "KAFKA_LOG4J_OPTS": true,
	"KAFKA_LOG4J_ROOT_LOGLEVEL": true, "KAFKA_LOG4J_LOGGERS": true, "KAFKA_TOOLS_LOG4J_LOGLEVEL": true,
	"KAFKA_GC_LOG_OPTS": true, "KAFKA_JMX_OPTS": true, "KAFKA_JMX_PORT": true, "KAFKA_JMX_HOSTNAME": true,
	"KAFKA_DEBUG": true, "KAFKA_DATA_DIRS": true, "KAFKA_HOME": true, "KAFKA_VERSION": true,
	"KAFKA_ADVERTISED_HOST_NAME": true, "KAFKA_CLUSTER_ID": true, "KAFKA_KRAFT_CLUSTER_ID": true,
	"KAFKA_ENABLE_KRAFT": true, "KAFKA_VOLUME_DIR": true, "KAFKA_BASE_DIR": true, "KAFKA_CONF_DIR": true,
}

// readEnv takes the variables that name broker keys, in four spellings:
//
//	KAFKA_LOG_RETENTION_MS=1     log.retention.ms       (apache/kafka, confluentinc/cp-kafka)
//	KAFKA_CFG_LOG_RETENTION_MS=1 log.retention.ms       (bitnami; wins over the first)
//	LEAT_ADMIN_LISTEN=:9644      leat.admin.listen      (LEAT_ALL_OF_IT for keys of leat's own)
//	CLUSTER_ID=...               leat.cluster.id
//
// In the part behind the prefix _ stands for a dot, __ for _, ___ for -.
// A KAFKA_ variable of the images' scripts, such as KAFKA_HEAP_OPTS, is passed
// over, and so is a LEAT_ variable that is no key: those belong to the client
// commands (LEAT_BOOTSTRAP).
func readEnv(environ []string) map[string]given {
	all := map[string]given{}
	for _, prefix := range []string{"CLUSTER_ID", "KAFKA_", "KAFKA_CFG_", "LEAT_"} {
		for _, entry := range environ {
			name, v, _ := strings.Cut(entry, "=")
			if key := envKey(name, prefix); key != "" {
				all[key] = given{value: v, from: name}
			}
		}
	}
	return all
}

// envKey returns the key that a variable names under one of the prefixes, or "".
func envKey(name, prefix string) string {
	rest, ok := strings.CutPrefix(name, prefix)
	switch {
	case !ok || imageVariables[name]:
		return ""
	case prefix == "CLUSTER_ID":
		if rest == "" {
			return "leat.cluster.id"
		}
		return ""
	case rest == "":
		return ""
	case prefix == "KAFKA_" && strings.HasPrefix(rest, "CFG_"):
		return ""
	}
	key := known(strings.NewReplacer("___", "-", "__", "_", "_", ".").Replace(strings.ToLower(rest)))
	if prefix == "LEAT_" {
		key = "leat." + key
		if _, ok := brokerByID[key]; !ok {
			return ""
		}
	}
	return key
}

// known restores the upper-case letters of the few keys that have some.
func known(key string) string {
	if _, ok := brokerByID[key]; ok {
		return key
	}
	for i := range brokerKeys {
		if strings.EqualFold(brokerKeys[i].Name, key) {
			return brokerKeys[i].Name
		}
	}
	return key
}
