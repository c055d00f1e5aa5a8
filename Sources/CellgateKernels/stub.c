#include "cellgate_kernels.h"
