package app.noctule.android

import android.content.Context
import android.os.Handler
import android.os.Looper
import androidx.startup.AppInitializer
import androidx.startup.Initializer
import androidx.work.Configuration
import androidx.work.WorkManagerInitializer

/**
 * Enqueues the workers when the app starts, if its `Application` is a [NoctuleApp]. Opens nothing:
 * the profile is opened by whoever needs it first, off the main thread.
 *
 * WorkManager is made as the app wants it. Where the `Application` is a [Configuration.Provider] it
 * is asked for only once `Application.onCreate` is through, since that is where what the
 * configuration needs is injected; otherwise WorkManager's own initializer runs first.
 *
 * An app that has taken `androidx.startup` out of its manifest, or calls `WorkManager.initialize`
 * itself, takes this out, too, and calls [NoctuleWork.schedule].
 */
open class NoctuleInitializer : Initializer<Unit> {
    override fun create(context: Context) {
        if (NoctuleHost.of(context) == null) return
        if (context.applicationContext is Configuration.Provider) {
            afterOnCreate { schedule(context) }
        } else {
            AppInitializer.getInstance(context)
                .initializeComponent(WorkManagerInitializer::class.java)
            schedule(context)
        }
    }

    /** None: which one comes first depends on the app. */
    override fun dependencies(): List<Class<out Initializer<*>>> = emptyList()

    /** Enqueues what comes again by itself; a test has its own. */
    protected open fun schedule(context: Context) = NoctuleWork(context).schedule()

    /** Does [action] when the main thread is through with starting the app. */
    protected open fun afterOnCreate(action: () -> Unit) {
        Handler(Looper.getMainLooper()).post(action)
    }
}
