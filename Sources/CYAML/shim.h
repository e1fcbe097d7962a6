#ifndef HONUA_CYAML_H
#define HONUA_CYAML_H

#include <yaml.h>

#endif
