// What Effect 3.22.4 exports and Effect 4.1.0 does not: the names that only the seam (src/effect.ts and what is behind it) may use.
// Made by comparing the exports (values and types) of the two versions, module by module; TypeIds and the
// ...Unify helpers are left out. architecture.test.ts reads it through imports.ts.

/** Modules that are gone, or that are about something else now (Runtime). */
export const modulesNotInEffect4: ReadonlySet<string> = new Set(
  words(`
    ChildExecutorDecision ConfigError ConfigProviderPathPatch DefaultServices Either Encoding
    ExecutionStrategy FastCheck FiberId FiberRef FiberRefs FiberRefsPatch FiberStatus GlobalValue GroupBy
    JSONSchema KeyedPool List LogSpan Mailbox MergeDecision MergeState MergeStrategy MetricBoundaries
    MetricHook MetricKey MetricKeyType MetricLabel MetricPair MetricPolling MetricRegistry MetricState Micro
    ModuleVersion MutableQueue ParseResult Pretty RateLimiter Readable RedBlackTree Reloadable RequestBlock
    Runtime RuntimeFlags RuntimeFlagsPatch STM ScheduleDecision ScheduleInterval ScheduleIntervals Secret
    SingleProducerAsyncInput SortedMap SortedSet StreamEmit StreamHaltStrategy Streamable Subscribable
    Supervisor TArray TDeferred TMap TPriorityQueue TPubSub TQueue TRandom TReentrantLock TRef TSemaphore
    TSet TSubscriptionRef TestAnnotation TestAnnotationMap TestAnnotations TestClock TestConfig TestContext
    TestLive TestServices TestSized UpstreamPullRequest UpstreamPullStrategy
  `)
)

const names: Readonly<Record<string, string>> = {
  Cause: `
    CauseReducer Empty ExceededCapacityException IllegalArgumentException InterruptedException
    InvalidPubSubCapacityException NoSuchElementException Parallel PrettyError RuntimeException Sequential
    TimeoutException UnknownException andThen as contains defects dieOption failureOption failureOrCause
    failures filter find flatMap flatten flipCauseOption interruptOption isDie isDieType isEmpty isEmptyType
    isExceededCapacityException isFailType isFailure isIllegalArgumentException isInterruptType
    isInterrupted isInterruptedException isInterruptedOnly isNoSuchElementException isParallelType
    isRuntimeException isSequentialType isTimeoutException isUnknownException keepDefects linearize match
    originalError parallel reduce reduceWithContext sequential size squashWith stripFailures
    stripSomeDefects`,
  Chunk: `
    getEquivalence modifyOption partitionMap removeOption replaceOption unsafeFromArray
    unsafeFromNonEmptyArray unsafeGet unsafeHead unsafeLast`,
  Clock: `
    CancelToken ClockScheduler Task make sleep`,
  Context: `
    GenericTag ReadonlyTag ReferenceClass Tag TagClass TagClassShape ValidTagsById isTag unsafeGet
    unsafeMake`,
  Data: `
    Case Structural array case struct tagged tuple unsafeArray unsafeStruct`,
  Deferred: `
    makeAs unsafeDone unsafeMake`,
  Duration: `
    DurationInput decode decodeUnknown greaterThan greaterThanOrEqualTo lessThan lessThanOrEqualTo matchWith
    unsafeDivide unsafeFormatIso unsafeToNanos`,
  Effect: `
    Adapter Blocked EffectGenerator FunctionWithSpanOptions Latch Permit Semaphore Service Tag
    acquireReleaseInterruptible allSuccesses allWith allowInterrupt ap asSomeError async asyncEffect bindAll
    blocked cacheRequestResult cachedFunction catchAll catchAllCause catchAllDefect catchSome catchSomeCause
    catchSomeDefect cause checkInterruptible clock configProviderWith console consoleWith contextWithEffect
    currentPropagatedSpan custom daemonChildren descriptor descriptorWith dieMessage dieSync diffFiberRefs
    disconnect dropUntil dropWhile either ensureErrorType ensureRequirementsType ensureSuccessType
    ensuringChild ensuringChildren every exists fiberIdWith filterEffectOrElse filterEffectOrFail
    filterOrDie filterOrDieMessage finalizersMask flipWith fork forkAll forkDaemon forkWithErrorHandler
    fromFiber fromFiberEffect fromNullable functionWithSpan getFiberRefs getRuntimeFlags if ignoreLogged
    inheritFiberRefs interruptWith intoDeferred iterate labelMetrics labelMetricsScoped liftPredicate
    linkSpanCurrent locally locallyScoped locallyScopedWith locallyWith logAnnotations loop makeLatch
    makeSemaphore mapAccum mapErrorCause mapInputContext merge mergeAll metricLabels negate none once
    optionFromOptional orDieWith orElse orElseFail parallelErrors parallelFinalizers patchFiberRefs
    patchRuntimeFlags raceWith random randomWith reduceEffect reduceRight reduceWhile repeatN
    runRequestBlock runtime scheduleForked scopeWith sequentialFinalizers serviceConstants serviceFunction
    serviceFunctionEffect serviceFunctions serviceMembers serviceOptional setFiberRefs step summarized
    supervised tagMetrics tagMetricsScoped takeUntil takeWhile tapBoth tapErrorCause timedWith timeoutFail
    timeoutFailCause timeoutTo tracerWith transplant transposeMapOption tryMap tryMapPromise unless
    unlessEffect unsafeMakeLatch unsafeMakeSemaphore unsandbox updateFiberRefs using validateAll
    validateFirst validateWith whenEffect whenFiberRef whenLogLevel whenRef withClock withClockScoped
    withConcurrency withConfigProvider withConfigProviderScoped withConsole withConsoleScoped
    withEarlyRelease withFiberRuntime withMaxOpsBeforeYield withMetric withRandom withRandomFixed
    withRandomScoped withRequestBatching withRequestCache withRequestCaching withRuntimeFlagsPatch
    withRuntimeFlagsPatchScoped withScheduler withSchedulingPriority withTracerScoped
    withUnhandledErrorLogLevel zipLeft zipRight`,
  Exit: `
    all as causeOption exists flatMap flatMapEffect flatten forEachEffect fromEither fromOption getOrElse
    isInterrupted mapErrorCause matchEffect zip zipLeft zipPar zipParLeft zipParRight zipRight zipWith`,
  Fiber: `
    Order RuntimeFiber all children done dump dumpAll fail failCause fromEffect getCurrentFiber id
    inheritAll interruptAsFork interruptFork interrupted isRuntimeFiber map mapEffect mapFiber match never
    orElse orElseEither poll pretty roots scoped status succeed unsafeRoots void zip zipLeft zipRight
    zipWith`,
  FiberHandle: `
    unsafeGet unsafeSet`,
  FiberMap: `
    unsafeGet unsafeHas unsafeSet`,
  FiberSet: `
    unsafeAdd`,
  Layer: `
    annotateLogs annotateSpans catchAll catchAllCause context die dieSync discard ensureErrorType
    ensureRequirementsType ensureSuccessType extendScope fail failCause failCauseSync failSync
    fiberRefLocallyScopedWith flatten function isFresh locally locallyEffect locallyScoped locallyWith map
    mapError match matchCause memoize orElse passthrough project retry scope scoped scopedContext
    scopedDiscard service setClock setConfigProvider setRandom setRequestBatching setRequestCache
    setRequestCaching setScheduler setTracer setTracerEnabled setTracerTiming setUnhandledErrorLogLevel
    setVersionMismatchErrorLogLevel tapErrorCause toRuntime toRuntimeWithMemoMap unwrapEffect unwrapScoped
    zipWith`,
  LogLevel: `
    All Debug Error Fatal Info Literal None Trace Warning allLevels fromLiteral greaterThan greaterThanEqual
    lessThan lessThanEqual locally`,
  Logger: `
    add addEffect addScoped filterLogLevel json jsonLogger logFmt logfmtLogger mapInput mapInputOptions
    minimumLogLevel none pretty prettyLogger prettyLoggerDefault remove replace replaceEffect replaceScoped
    simple stringLogger structured structuredLogger succeed sync test withMinimumLogLevel
    withSpanAnnotations zip zipLeft zipRight`,
  Metric: `
    MetricApply fiberActive fiberFailures fiberLifetimes fiberStarted fiberSuccesses fromMetricKey
    globalMetricRegistry increment incrementBy make map mapType set succeed summaryTimestamp sync tagged
    taggedWithLabels taggedWithLabelsInput timerWithBoundaries trackAll trackDefect trackDefectWith
    trackDuration trackDurationWith trackError trackErrorWith trackSuccess trackSuccessWith unsafeSnapshot
    withNow zip`,
  Option: `
    ap flatMapNullable fromNullable getEquivalence getLeft getOrder getRight liftNullable mergeWith
    orElseEither`,
  Queue: `
    BackingQueue BaseQueue Strategy awaitShutdown backPressureStrategy capacity droppingStrategy isEmpty
    isShutdown slidingStrategy takeUpTo unsafeOffer`,
  Ref: `
    unsafeMake`,
  Schedule: `
    CurrentIterationMetadata IterationMetadata ScheduleDriver addDelayEffect andThen andThenEither as asVoid
    bothInOut check checkEffect collectAllInputs collectAllOutputs collectUntil collectUntilEffect
    collectWhile collectWhileEffect compose count dayOfMonth dayOfWeek delayed delayedEffect delayedSchedule
    delays driver either eitherWith elapsed ensuring fromDelay fromDelays fromFunction hourOfDay intersect
    intersectWith jitteredWith linear makeWithState mapBoth mapBothEffect mapEffect mapInput mapInputContext
    mapInputEffect minuteOfHour modifyDelayEffect onDecision provideContext provideService recurUntil
    recurUntilEffect recurUntilOption recurUpTo recurWhile recurWhileEffect reduce reduceEffect
    repeatForever repetitions resetAfter resetWhen run secondOfMinute stop succeed sync tapInput tapOutput
    unfold union unionWith untilInput untilInputEffect untilOutput untilOutputEffect whileInput
    whileInputEffect whileOutput whileOutputEffect zipLeft zipRight zipWith`,
  Scheduler: `
    ControlledScheduler PriorityBuckets SchedulerRunner SyncScheduler Task currentScheduler defaultScheduler
    defaultShouldYield make makeBatched makeMatrix timer timerBatched withScheduler`,
  Scope: `
    CloseableScope extend`,
  Stream: `
    accumulateChunks acquireRelease aggregateWithinEither async asyncEffect asyncPush asyncScoped
    branchAfter broadcastDynamic broadcastedQueues broadcastedQueuesDynamic bufferChunks catchAll
    catchAllCause catchSome catchSomeCause chunksWith combineChunks concatAll context contextWith
    contextWithEffect contextWithStream crossLeft crossRight dieMessage dieSync distributedWith
    distributedWithDynamic either ensuringWith execute filterMapWhile filterMapWhileEffect finalizer find
    findEffect flattenChunks flattenExitOption flattenIterables fromChunk fromChunkPubSub fromChunkQueue
    fromChunks fromEffectOption fromReadableStreamByob fromTPubSub fromTQueue haltAfter haltWhenDeferred
    identity interruptAfter interruptWhenDeferred mapChunks mapChunksEffect mapConcat mapConcatChunk
    mapConcatChunkEffect mapConcatEffect mapErrorCause mapInputContext mergeEither mergeWith mergeWithTag
    onDone orDieWith orElse orElseEither orElseFail orElseIfEmptyChunk orElseIfEmptyStream paginateChunk
    paginateChunkEffect paginateEffect partitionEither provideLayer provideServiceStream provideSomeContext
    provideSomeLayer refineOrDie refineOrDieWith repeatEffect repeatEffectChunk repeatEffectChunkOption
    repeatEffectOption repeatEffectWithSchedule repeatEither repeatElementsWith repeatValue repeatWith
    runFoldScoped runFoldScopedEffect runFoldWhile runFoldWhileEffect runFoldWhileScoped
    runFoldWhileScopedEffect runForEachChunk runForEachChunkScoped runForEachScoped runForEachWhileScoped
    runIntoPubSubScoped runIntoQueueElementsScoped runIntoQueueScoped runScoped scanReduce scanReduceEffect
    scheduleWith scopedWith some someOrElse someOrFail splitOnChunk tapErrorCause timeoutFail
    timeoutFailCause timeoutTo toAsyncIterableRuntime toQueueOfElements toReadableStreamRuntime unfoldChunk
    unfoldChunkEffect unfoldEffect unwrapScoped unwrapScopedWith void whenCase whenCaseEffect whenEffect
    zipAll zipAllLeft zipAllRight zipAllSortedByKey zipAllSortedByKeyLeft zipAllSortedByKeyRight
    zipAllSortedByKeyWith zipAllWith zipWithChunks`,
  Tracer: `
    tracerWith`
}

/** Names that are in both and mean or take something else. */
const changed: Readonly<Record<string, string>> = {
  Context: "Reference",
  Effect: "catch yieldNow"
}

/** Module -> names that are gone or changed. */
export const namesNotInEffect4: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(names).map(([module, gone]) => [module, words(`${gone} ${changed[module] ?? ""}`)])
)

/** Methods and fields of fibers and clocks. They are found by name alone, whatever they are called on. */
export const membersNotInEffect4: ReadonlySet<string> = words(`
  currentDefaultServices currentRuntimeFlags getFiberRef getFiberRefs inheritAll removeObserver setFiberRef
  unsafeCurrentTimeMillis unsafeCurrentTimeNanos unsafeInterruptAsFork unsafePoll
`)

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter((word) => word !== ""))
}
