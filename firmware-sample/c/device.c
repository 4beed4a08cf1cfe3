/*
 * A device: registers itself once, then reports its state over MQTT and prints the commands it is sent.
 * Every device runs this same program with the same TOKEN; only the manufacturer ID differs. Copy it and make it yours.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* What a device is told at the factory. Edit these two, or set the environment variables of the same names. */
#define TOKEN "paste the output of `mooring token create` here"
#define MANUFACTURER_ID "the serial number of this device"

enum {
	TEXT_BYTES = 4096, /* the largest token, request or answer */
	ID_BYTES = 65,     /* deviceId 24, accessKey 36, accessSecret 64, each with its NUL */
	HOST_BYTES = 256,
	KEEPALIVE_S = 30,
	LOOP_MS = 200,
	STOP_TIMEOUT_MS = 2000,
	LONGEST_RETRY_AFTER_S = 3600,
	CREDENTIALS_BYTES = 1024,
};

struct credentials {
	char device_id[ID_BYTES];
	char access_key[ID_BYTES];
	char access_secret[ID_BYTES];
};

struct broker {
	char host[HOST_BYTES];
	int port;
	bool tls;
};

/* What the callbacks of libmosquitto share with the loop below. */
struct link {
	char state_topic[ID_BYTES + 16];
	char command_topic[ID_BYTES + 16];
	bool connected;
	unsigned failures;
	unsigned unacknowledged;
};

static volatile sig_atomic_t stopping;

/* ---- small things ------------------------------------------------------------------------------------------- */

static void on_signal(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

/* Trying again will not help: a person has to do something. */
__attribute__((format(printf, 1, 2), noreturn)) static void give_up(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);
	return value && *value ? value : fallback;
}

static long milliseconds(const char *name, long fallback)
{
	long value = atol(setting(name, "0"));
	return value > 0 ? value : fallback;
}

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Ends early when a signal arrives. */
static void pause_ms(long ms)
{
	for (long end = now_ms() + ms; !stopping && now_ms() < end;) {
		long left = end - now_ms() < LOOP_MS ? end - now_ms() : LOOP_MS;
		struct timespec step = { 0, left > 0 ? left * 1000000L : 1 };
		nanosleep(&step, NULL);
	}
}

static double random_fraction(void)
{
	unsigned value;
	if (getrandom(&value, sizeof value, 0) != sizeof value) value = (unsigned)now_ms();
	return value / 4294967296.0;
}

/* Exponential back-off with full jitter, so that a factory that lost its power does not come back in one instant. */
static long backoff_ms(unsigned attempt)
{
	long longest = milliseconds("BACKOFF_MAX_MS", 60000);
	long ms = milliseconds("BACKOFF_BASE_MS", 1000);
	while (attempt-- > 0 && ms < longest) ms *= 2;
	return 1 + (long)(random_fraction() * (double)(ms < longest ? ms : longest));
}

/* ---- JSON: as much as a flat object of strings needs ---------------------------------------------------------- */

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Reads the string that begins at `at` into `out` (which may be NULL). Returns what follows it, or NULL: not a string, or too long. */
static const char *read_string(const char *at, char *out, size_t size)
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	size_t length = 0;
	if (*at++ != '"') return NULL;
	for (; *at != '"'; at++) {
		char character = *at;
		if (character == '\0') return NULL;
		if (character == '\\') {
			const char *escape = *++at ? strchr(escapes, *at) : NULL;
			/* \uXXXX: none of the values a device needs has one; others are only passed over. */
			if (!escape && (*at != 'u' || out)) return NULL;
			if (escape) character = meanings[escape - escapes];
		}
		if (out) {
			if (length + 1 >= size) return NULL;
			out[length++] = character;
		}
	}
	if (out) out[length] = '\0';
	return at + 1;
}

/* Returns what follows the value at `at`, or NULL when the text ends within it. */
static const char *skip_value(const char *at)
{
	int depth = 0;
	do {
		at = skip_space(at);
		if (*at == '"') {
			at = read_string(at, NULL, 0);
			if (!at) return NULL;
		} else if (*at == '{' || *at == '[') {
			depth++;
			at++;
		} else if (*at == '}' || *at == ']') {
			depth--;
			at++;
		} else if (depth > 0 && (*at == ',' || *at == ':')) {
			at++;
		} else {
			size_t length = strcspn(at, ",:]} \t\r\n\"");
			if (length == 0) return NULL;
			at += length;
		}
	} while (depth > 0);
	return at;
}

/* Copies the string member `name` of the object `json` into `out`. False: no such member, not a string, or too long. */
static bool json_member(const char *json, const char *name, char *out, size_t size)
{
	const char *at = skip_space(json);
	if (*at != '{') return false;
	do {
		const char *key = skip_space(at + 1);
		at = read_string(key, NULL, 0);
		if (!at) return false;
		bool wanted = (size_t)(at - key) == strlen(name) + 2 && strncmp(key + 1, name, strlen(name)) == 0;
		at = skip_space(at);
		if (*at != ':') return false;
		at = skip_space(at + 1);
		if (wanted) return read_string(at, out, size) != NULL && *out != '\0';
		at = skip_value(at);
		if (!at) return false;
		at = skip_space(at);
	} while (*at == ',');
	return false;
}

/* Writes `text` as a JSON string. False when it does not fit. */
static bool json_quote(const char *text, char *out, size_t size)
{
	size_t length = 0;
	if (size < 3) return false;
	out[length++] = '"';
	for (; *text; text++) {
		if (length + 8 > size) return false;
		unsigned char character = (unsigned char)*text;
		if (character < 0x20 || character == '"' || character == '\\') {
			length += (size_t)snprintf(out + length, size - length, "\\u%04x", character);
		} else {
			out[length++] = (char)character;
		}
	}
	out[length++] = '"';
	out[length] = '\0';
	return true;
}

/* ---- the token ------------------------------------------------------------------------------------------------ */

/* The token is signed, not encrypted: the part between its two dots is the payload, in base64url (RFC 7515 §2). */
static bool decode_payload(const char *token, char *out, size_t size)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = strchr(token, '.');
	unsigned bits = 0, count = 0;
	size_t length = 0;
	if (!at) return false;
	for (at++; *at && *at != '.'; at++) {
		const char *digit = strchr(alphabet, *at);
		if (!digit || length + 1 >= size) return false;
		bits = bits << 6 | (unsigned)(digit - alphabet);
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[length++] = (char)(bits >> count & 0xff);
		}
	}
	out[length] = '\0';
	return *at == '.';
}

static bool read_address(const char *address, char *scheme, size_t scheme_size, struct broker *broker)
{
	bool good = false;
	char *text_scheme = NULL, *text_host = NULL, *text_port = NULL;
	CURLU *url = curl_url();
	if (url && curl_url_set(url, CURLUPART_URL, address, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &text_scheme, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &text_host, 0) == CURLUE_OK && *text_host) {
		/* An IPv6 address comes in brackets; a socket wants it without. */
		const char *host = *text_host == '[' ? text_host + 1 : text_host;
		int host_length = (int)strcspn(host, "]");
		good = snprintf(scheme, scheme_size, "%s", text_scheme) < (int)scheme_size &&
		       snprintf(broker->host, sizeof broker->host, "%.*s", host_length, host) < (int)sizeof broker->host;
		broker->port = curl_url_get(url, CURLUPART_PORT, &text_port, 0) == CURLUE_OK ? atoi(text_port) : 0;
	}
	curl_free(text_scheme);
	curl_free(text_host);
	curl_free(text_port);
	curl_url_cleanup(url);
	return good;
}

/* MQTT_URL, else the token's `mqtt`, else MQTT over TLS on the host that registers. */
static struct broker find_broker(const char *payload, const char *registration_url)
{
	struct broker broker = { 0 };
	char claim[TEXT_BYTES], scheme[16];
	const char *address = setting("MQTT_URL", NULL);
	if (!address && json_member(payload, "mqtt", claim, sizeof claim)) address = claim;
	if (!read_address(address ? address : registration_url, scheme, sizeof scheme, &broker)) {
		give_up("%s is no broker address", address ? address : registration_url);
	}
	if (!address) {
		broker.port = 0;
	} else if (strcasecmp(scheme, "mqtt") != 0 && strcasecmp(scheme, "mqtts") != 0) {
		give_up("%s: this device speaks mqtt:// and mqtts:// only", address);
	}
	broker.tls = !address || strcasecmp(scheme, "mqtts") == 0;
	if (broker.port == 0) broker.port = broker.tls ? 8883 : 1883;
	return broker;
}

/* ---- the credentials file -------------------------------------------------------------------------------------- */

static bool parse_credentials(const char *json, struct credentials *out)
{
	return json_member(json, "deviceId", out->device_id, sizeof out->device_id) &&
	       json_member(json, "accessKey", out->access_key, sizeof out->access_key) &&
	       json_member(json, "accessSecret", out->access_secret, sizeof out->access_secret);
}

/* False: there is no file, so this is the first run. */
static bool read_credentials(const char *path, struct credentials *out)
{
	char text[TEXT_BYTES];
	FILE *file = fopen(path, "r");
	if (!file && errno == ENOENT) return false;
	if (!file) give_up("cannot read %s: %s", path, strerror(errno));
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	/* Registering again would be refused, and would hide that something damages this device's files. */
	if (!parse_credentials(text, out)) {
		give_up("%s is damaged. Restore it, or delete the device on the server and then this file to register anew.", path);
	}
	return true;
}

static bool write_at_start(int file, const char *text, size_t length)
{
	return pwrite(file, text, length, 0) == (ssize_t)length && ftruncate(file, (off_t)length) == 0 && fsync(file) == 0;
}

/*
 * The secret is shown once. A read-only or full disk must show itself before the device registers, not after:
 * so the file is made, and filled, first.
 */
static int reserve_credentials_file(const char *temporary)
{
	char blank[CREDENTIALS_BYTES];
	memset(blank, ' ', sizeof blank);
	unlink(temporary);
	int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0 || !write_at_start(file, blank, sizeof blank)) {
		give_up("cannot write %s (%s); not registering, because the credentials could not be kept", temporary, strerror(errno));
	}
	return file;
}

/* Whole or not at all, also when the power goes: content first, then the name, then the folder that holds the name. */
static bool save_credentials(int file, const char *temporary, const char *path, const char *text)
{
	char copy[TEXT_BYTES];
	if (!write_at_start(file, text, strlen(text)) || rename(temporary, path) != 0) return false;
	snprintf(copy, sizeof copy, "%s", path);
	int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool saved = folder >= 0 && fsync(folder) == 0;
	if (folder >= 0) close(folder);
	return saved;
}

/* ---- registration ---------------------------------------------------------------------------------------------- */

struct answer {
	long status; /* HTTP status; 0: there was none */
	curl_off_t retry_after_s;
	const char *problem;
	size_t length;
	char body[TEXT_BYTES];
};

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t length = size * count;
	/* A short count makes libcurl end the transfer with an error. */
	if (length >= sizeof answer->body - answer->length) return 0;
	memcpy(answer->body + answer->length, data, length);
	answer->length += length;
	answer->body[answer->length] = '\0';
	return length;
}

/*
 * One request. A stop signal does not abort it: the server may have made the device already. Redirects are not followed
 * (libcurl's default): the token goes where the token says and nowhere else.
 */
static void ask(const char *url, const char *request, struct answer *answer)
{
	CURL *http = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "content-type: application/json");
	if (!http || !headers) give_up("out of memory");
	memset(answer, 0, sizeof *answer);
	curl_easy_setopt(http, CURLOPT_URL, url);
	curl_easy_setopt(http, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(http, CURLOPT_POSTFIELDS, request);
	curl_easy_setopt(http, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(http, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(http, CURLOPT_TIMEOUT_MS, milliseconds("REQUEST_TIMEOUT_MS", 15000));
	curl_easy_setopt(http, CURLOPT_NOSIGNAL, 1L);
	if (getenv("MQTT_CA")) curl_easy_setopt(http, CURLOPT_CAINFO, getenv("MQTT_CA"));
	CURLcode code = curl_easy_perform(http);
	if (code == CURLE_OK) {
		curl_easy_getinfo(http, CURLINFO_RESPONSE_CODE, &answer->status);
		curl_easy_getinfo(http, CURLINFO_RETRY_AFTER, &answer->retry_after_s);
	} else {
		answer->problem = curl_easy_strerror(code);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(http);
}

/* POSTs until there is an answer. False: the server refused for good, which was said, or the device was told to stop. */
static bool ask_until_answered(const char *url, const char *request, struct answer *answer)
{
	for (unsigned attempt = 0; !stopping; attempt++) {
		struct credentials credentials;
		ask(url, request, answer);
		if (answer->status == 200 && parse_credentials(answer->body, &credentials)) return true;
		if (answer->status == 200) {
			fprintf(stderr, "the server answered 200 without credentials\n");
			return false;
		}
		/* A device that waits for somebody's approval is told so. */
		bool may_be_later = answer->problem || answer->status == 429 || answer->status >= 500 ||
		                    (answer->status == 403 && strstr(answer->body, "\"retryable\":true"));
		if (!may_be_later) {
			fprintf(stderr, "registration refused (%ld): %s\n", answer->status, answer->body);
			return false;
		}
		long retry_after_s = answer->retry_after_s < LONGEST_RETRY_AFTER_S ? (long)answer->retry_after_s : LONGEST_RETRY_AFTER_S;
		long wait_ms = retry_after_s * 1000 + backoff_ms(attempt);
		if (answer->problem) say("registration failed (%s); trying again in %ld ms", answer->problem, wait_ms);
		else say("registration failed (%ld); trying again in %ld ms", answer->status, wait_ms);
		pause_ms(wait_ms);
	}
	return false;
}

/* The credentials are saved before anything else happens. False: there are none. */
static bool register_device(const char *token, const char *url, const char *path, struct credentials *out)
{
	static struct answer answer;
	const char *manufacturer_id = setting("MANUFACTURER_ID", MANUFACTURER_ID);
	char quoted_token[TEXT_BYTES], quoted_id[TEXT_BYTES], request[2 * TEXT_BYTES + 64], temporary[TEXT_BYTES];
	if (!json_quote(token, quoted_token, sizeof quoted_token) || !json_quote(manufacturer_id, quoted_id, sizeof quoted_id) ||
	    snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary) {
		give_up("the token, the manufacturer ID or the name of the credentials file is too long");
	}
	snprintf(request, sizeof request, "{\"token\":%s,\"manufacturerId\":%s}", quoted_token, quoted_id);

	say("no saved credentials; registering %s with %s", manufacturer_id, url);
	int file = reserve_credentials_file(temporary);
	bool answered = ask_until_answered(url, request, &answer);
	if (!answered) {
		unlink(temporary);
	} else if (!save_credentials(file, temporary, path, answer.body)) {
		give_up("cannot save the credentials to %s: %s", path, strerror(errno));
	} else {
		parse_credentials(answer.body, out);
		say("registered %s as %s; credentials saved to %s", manufacturer_id, out->device_id, path);
	}
	close(file);
	return answered;
}

/* ---- MQTT ------------------------------------------------------------------------------------------------------ */

/* Stand-in for real sensors. The names are attributes of the recipe `tl-generator`. */
static void read_sensors(char *out, size_t size)
{
	snprintf(out, size,
	         "{\"data\":{\"running\":1,\"rpm\":%.0f,\"manifold_temperature\":%.1f,\"battery_voltage\":%.1f,"
	         "\"fuel_level\":%.1f,\"location\":\"52.5200,13.4050\"}}",
	         1480 + 40 * random_fraction(), 79 + 6 * random_fraction(), 13 + 0.4 * random_fraction(),
	         63 + 2 * random_fraction());
}

static void report(struct mosquitto *mosquitto, struct link *link)
{
	char state[256]; /* with topic and header it still fits the smallest clients' packets */
	read_sensors(state, sizeof state);
	int code = mosquitto_publish(mosquitto, NULL, link->state_topic, (int)strlen(state), state, 1, false);
	if (code != MOSQ_ERR_SUCCESS) {
		say("not published: %s", mosquitto_strerror(code));
		return;
	}
	link->unacknowledged++;
	say("publishing %s %s", link->state_topic, state);
}

static void on_connect(struct mosquitto *mosquitto, void *context, int code)
{
	struct link *link = context;
	if (code != 0) {
		say("connection refused: %s", mosquitto_connack_string(code));
		return;
	}
	say("connected");
	link->connected = true;
	mosquitto_subscribe(mosquitto, NULL, link->command_topic, 0);
	report(mosquitto, link);
}

static void on_disconnect(struct mosquitto *mosquitto, void *context, int code)
{
	(void)mosquitto;
	struct link *link = context;
	if (link->connected && code != 0) say("offline: %s", mosquitto_strerror(code));
	link->connected = false;
}

static void on_acknowledged(struct mosquitto *mosquitto, void *context, int message_id)
{
	(void)mosquitto;
	(void)message_id;
	struct link *link = context;
	/* Only now did the connection prove itself; being let in and thrown out again must not look like success. */
	link->failures = 0;
	if (link->unacknowledged > 0) link->unacknowledged--;
}

static void on_command(struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message)
{
	(void)mosquitto;
	(void)context;
	say("command %.*s", message->payloadlen, message->payload ? (const char *)message->payload : "");
}

static struct mosquitto *new_client(const struct broker *broker, const struct credentials *credentials, struct link *link)
{
	struct mosquitto *mosquitto = mosquitto_new(credentials->device_id, true, link);
	if (!mosquitto || mosquitto_username_pw_set(mosquitto, credentials->access_key, credentials->access_secret)) {
		give_up("out of memory");
	}
	if (broker->tls) {
		const char *ca = setting("MQTT_CA", NULL);
		int code = mosquitto_tls_set(mosquitto, ca, ca ? NULL : "/etc/ssl/certs", NULL, NULL, NULL);
		if (code != MOSQ_ERR_SUCCESS) give_up("cannot use the CA certificates: %s", mosquitto_strerror(code));
	}
	mosquitto_connect_callback_set(mosquitto, on_connect);
	mosquitto_disconnect_callback_set(mosquitto, on_disconnect);
	mosquitto_publish_callback_set(mosquitto, on_acknowledged);
	mosquitto_message_callback_set(mosquitto, on_command);
	return mosquitto;
}

/* Serves one connection until it breaks or the device is told to stop. */
static int stay_connected(struct mosquitto *mosquitto, struct link *link)
{
	long interval_ms = milliseconds("STATE_INTERVAL_MS", 5000);
	long next_ms = now_ms() + interval_ms;
	int code = MOSQ_ERR_SUCCESS;
	while (!stopping && code == MOSQ_ERR_SUCCESS) {
		code = mosquitto_loop(mosquitto, LOOP_MS, 1);
		if (now_ms() < next_ms) continue;
		next_ms = now_ms() + interval_ms;
		/* What could not be sent is not queued: when the connection is back, a new reading is worth more than an old one. */
		if (link->connected) report(mosquitto, link);
	}
	return code;
}

static void disconnect(struct mosquitto *mosquitto, struct link *link)
{
	say("stopping");
	/* Reports on their way are waited for, but not for ever. */
	long end_ms = now_ms() + STOP_TIMEOUT_MS;
	while (link->connected && link->unacknowledged > 0 && now_ms() < end_ms) {
		if (mosquitto_loop(mosquitto, LOOP_MS, 1) != MOSQ_ERR_SUCCESS) break;
	}
	mosquitto_disconnect(mosquitto);
}

/* Connects, stays connected, reports and obeys until told to stop. */
static void run(const struct broker *broker, const struct credentials *credentials)
{
	struct link link = { 0 };
	snprintf(link.state_topic, sizeof link.state_topic, "losant/%s/state", credentials->device_id);
	snprintf(link.command_topic, sizeof link.command_topic, "losant/%s/command", credentials->device_id);
	struct mosquitto *mosquitto = new_client(broker, credentials, &link);

	while (!stopping) {
		say("connecting to %s:%d%s", broker->host, broker->port, broker->tls ? " with TLS" : "");
		int code = mosquitto_connect(mosquitto, broker->host, broker->port, KEEPALIVE_S);
		if (code == MOSQ_ERR_SUCCESS) code = stay_connected(mosquitto, &link);
		if (stopping) break;
		/* A disabled device keeps trying, ever more slowly: it comes back by itself when it is enabled again. */
		long wait_ms = backoff_ms(link.failures++);
		const char *reason = code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code);
		say("connection failed (%s); trying again in %ld ms", reason, wait_ms);
		pause_ms(wait_ms);
	}
	disconnect(mosquitto, &link);
	mosquitto_destroy(mosquitto);
}

int main(void)
{
	/* Without SA_RESTART: a signal also ends a wait inside a system call. A second one ends the process at once. */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	/* Writing to a connection that the broker closed is an error, not the end. */
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	mosquitto_lib_init();

	const char *token = setting("TOKEN", TOKEN);
	const char *path = setting("CREDENTIALS_FILE", "credentials.json");
	char payload[TEXT_BYTES], url[TEXT_BYTES];
	if (strlen(token) >= TEXT_BYTES || !decode_payload(token, payload, sizeof payload)) {
		give_up("TOKEN is not a registration token. Make one with: mooring token create");
	}
	if (!json_member(payload, "url", url, sizeof url) ||
	    (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)) {
		give_up("TOKEN does not say where to register: it has no \"url\" with http:// or https://");
	}
	struct broker broker = find_broker(payload, url);
	struct credentials credentials;
	bool registered = read_credentials(path, &credentials) || register_device(token, url, path, &credentials);
	if (registered) run(&broker, &credentials);

	mosquitto_lib_cleanup();
	curl_global_cleanup();
	return registered || stopping ? 0 : 1;
}
