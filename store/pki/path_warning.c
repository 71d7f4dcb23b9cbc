/* store/pki/path_warning.c: what a missing issuer means, in words. */
#include <stdio.h>
#include "store/pki/path.h"

bool path_warning(const struct path *path, struct pki_warning *out)
{
	const bool fetch = path->missing_url[0] != '\0';

	if (path->complete)
		return false;
	*out = (struct pki_warning){
		.code = path->root_missing ? "root-missing" : "chain-incomplete",
		.remedy = path->root_missing ? "import the CA's root certificate"
		                             : "import the CA's intermediate certificates",
	};
	if (path->missing[0] == '\0') {
		snprintf(out->text, sizeof(out->text), "%.200s", path->reason);
		return true;
	}
	snprintf(out->text, sizeof(out->text),
	        path->root_missing ? "the root is missing: import %.80s%s%.80s"
	                           : "the issuer is missing: import %.80s%s%.80s",
	        path->missing, fetch ? ", from " : "", path->missing_url);
	return true;
}
