package pipeline

const envChild = "TRACKSEAL_CRASH_CHILD"

func crashChild() {}
