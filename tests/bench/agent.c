/*
 * A static SNMP agent for the benchmark: v1/v2c Get, GetNext and GetBulk over one sorted table,
 * for every address of 127/8, answering from the address that was asked. No state, no checks of
 * the community, answers of at most 1472 bytes.
 *
 *   agent PORT TABLE       TABLE: per row, in OID order: u16 size, OID content; u16 size, value TLV
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MOST 1472
#define ROWS 65536

struct row { const uint8_t *oid, *value; int oid_size, value_size; };
static struct row rows[ROWS];
static int count;

/* The order of RFC 3416: sub-identifier by sub-identifier. */
static int order(const uint8_t *a, int an, const uint8_t *b, int bn)
{
    int i = 0, j = 0;
    while (i < an && j < bn) {
        uint32_t x = 0, y = 0;
        do x = x << 7 | (a[i] & 127); while (a[i++] & 128 && i < an);
        do y = y << 7 | (b[j] & 127); while (b[j++] & 128 && j < bn);
        if (x != y) return x < y ? -1 : 1;
    }
    return i < an ? 1 : j < bn ? -1 : 0;
}

/* The first row that is not before the OID. */
static int place(const uint8_t *oid, int size)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (order(rows[middle].oid, rows[middle].oid_size, oid, size) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(1); }
    static uint8_t data[1 << 22];
    size_t size = fread(data, 1, sizeof data, file), at = 0;
    fclose(file);
    while (at + 2 <= size && count < ROWS) {
        struct row *row = &rows[count++];
        row->oid_size = data[at] << 8 | data[at + 1];
        row->oid = data + at + 2;
        at += 2 + row->oid_size;
        row->value_size = data[at] << 8 | data[at + 1];
        row->value = data + at + 2;
        at += 2 + row->value_size;
    }
}

/* Reads a header at *at that must lie before end; its length, or -1. */
static int header(const uint8_t *data, int *at, int end, int *tag)
{
    if (*at + 2 > end) return -1;
    *tag = data[(*at)++];
    int size = data[(*at)++];
    if (size & 128) {
        int width = size & 127;
        if (width < 1 || width > 2 || *at + width > end) return -1;
        for (size = 0; width--;) size = size << 8 | data[(*at)++];
    }
    return *at + size <= end ? size : -1;
}

static int integer(const uint8_t *data, int *at, int end)
{
    int tag, size = header(data, at, end, &tag), value = 0;
    if (size < 1 || size > 4) return -1;
    while (size--) value = value << 8 | data[(*at)++];
    return value;
}

/* Three-byte lengths everywhere: they are legal, and may be written before the content is. */
static void length(uint8_t *at, int size) { at[0] = 0x82; at[1] = size >> 8; at[2] = size & 255; }

static int binding(uint8_t *out, const uint8_t *oid, int oid_size, const uint8_t *value, int size)
{
    int inner = 2 + oid_size + size, at = 0;
    out[at++] = 0x30;
    if (inner > 127) out[at++] = 0x81;
    out[at++] = inner;
    out[at++] = 6;
    out[at++] = oid_size;
    memcpy(out + at, oid, oid_size);
    memcpy(out + at + oid_size, value, size);
    return at + oid_size + size;
}

static int answer(const uint8_t *in, int size, uint8_t *out)
{
    static const uint8_t END[] = {0x82, 0}, NONE[] = {0x81, 0};
    int at = 0, tag, n = header(in, &at, size, &tag), asked = 0, oids[128], sizes[128], rest[128];
    if (n < 0 || tag != 0x30) return 0;
    int version_at = at;
    integer(in, &at, size);
    int community = header(in, &at, size, &tag);
    if (community < 0) return 0;
    at += community;
    int head = at - version_at, kind;
    if (header(in, &at, size, &kind) < 0) return 0;
    int id_at = at;
    integer(in, &at, size);
    int id_size = at - id_at, first = integer(in, &at, size), second = integer(in, &at, size);
    if (first < 0 || second < 0 || header(in, &at, size, &tag) < 0) return 0;
    while (at < size && asked < 128) {
        if (header(in, &at, size, &tag) < 0) return 0;
        sizes[asked] = header(in, &at, size, &tag);
        if (sizes[asked] < 0 || sizes[asked] > 100) return 0;
        oids[asked] = at;
        at += sizes[asked];
        int value = header(in, &at, size, &tag);
        if (value < 0) return 0;
        at += value;
        rest[asked++] = 0;
    }
    out[0] = 0x30;
    memcpy(out + 4, in + version_at, head);
    int pdu = 4 + head, to = pdu + 4;
    out[pdu] = 0xA2;
    memcpy(out + to, in + id_at, id_size);
    to += id_size;
    memcpy(out + to, "\2\1\0\2\1\0\x30", 7);
    int list = to + 7, times = kind == 0xA5 ? second : 1, full = 0;
    to = list + 3;
    for (int time = 0; time < times && !full; time++) {
        for (int i = 0; i < asked && !full; i++) {
            const uint8_t *name = in + oids[i];
            if (!time) {
                rest[i] = place(name, sizes[i]);
                struct row *here = &rows[rest[i]];
                int same = rest[i] < count && !order(here->oid, here->oid_size, name, sizes[i]);
                if (kind == 0xA0 && !same) {
                    to += binding(out + to, name, sizes[i], NONE, 2);
                    continue;
                }
                if (kind != 0xA0 && same) rest[i]++;
            }
            if (rest[i] >= count) {
                to += binding(out + to, name, sizes[i], END, 2);
            } else {
                struct row *row = &rows[rest[i]++];
                if (to + row->oid_size + row->value_size + 8 > MOST) { full = 1; break; }
                to += binding(out + to, row->oid, row->oid_size, row->value, row->value_size);
            }
            full = to > MOST - 64;
        }
    }
    length(out + list, to - list - 3);
    length(out + pdu + 1, to - pdu - 4);
    length(out + 1, to - 4);
    return to;
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    load(argv[2]);
    int made = socket(AF_INET, SOCK_DGRAM, 0), on = 1, room = 8 << 20;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    setsockopt(made, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
    setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(made, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (bind(made, (struct sockaddr *)&own, sizeof own)) { perror("bind"); return 1; }
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint8_t in[4096], out[4096];
        char control[256];
        struct sockaddr_in peer;
        struct iovec part = {in, sizeof in};
        struct msghdr message = {&peer, sizeof peer, &part, 1, control, sizeof control, 0};
        ssize_t size = recvmsg(made, &message, 0);
        if (size < 0) continue;
        int said = answer(in, size, out);
        if (!said) continue;
        /* The control message comes back as it is: from the address that was asked. */
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
                info->ipi_spec_dst = info->ipi_addr;
            }
        part.iov_base = out;
        part.iov_len = said;
        sendmsg(made, &message, 0);
    }
}
