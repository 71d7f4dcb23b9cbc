/* store/pki/pem_list.h: the certificates of one file, PEM or DER, when nothing else is wanted. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

#define PEM_LIST_MAX 65536 /* certificates of one file */

/* Called with the DER of each in turn; anything but CS_OK ends the reading and is returned. */
typedef enum cs_err pem_list_fn(void *data, struct cs_bytes der);
/* TEXT without a certificate is CS_OK, and FN is not called; text around the blocks counts not.
 * CS_EREFUSED: there is a private key in it, which has no place here. CS_EMALFORMED: a block that
 * is cut or no base64. */
CS_MUST enum cs_err pem_list(struct cs_bytes text, pem_list_fn *fn, void *data);
